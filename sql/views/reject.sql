-- title: One row a member that could not be stored, with the reason
-- column source: name of the archive or folder it came from · no unit · notMNIST_small
-- column path: the member's name, undecodable bytes written as \xNN · no unit · notMNIST_small/A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png
-- column label: name of the class folder, null where the name is not safe · no unit · A
-- column reason: empty, unreadable, shape, colour, transparent, too_large, unsafe_name or duplicate_path · no unit · empty
-- column detail: what was found, where there is more to say · no unit · 32x32x1
-- column file_bytes: size of the member · bytes · 0
-- column position: the member's position in its source, from 0 · no unit · 17
-- column run_id: run that met it · no unit · 20110908T120000Z-0123456789
select
    reject.source,
    reject.path,
    reject.label,
    reject.reason,
    reject.detail,
    reject.file_bytes,
    reject.position,
    reject.run_id
from stored_reject as reject
