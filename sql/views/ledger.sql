-- title: What became of every member: seen = stored + rejected + ignored
-- column run_id: run that read the source · no unit · 20110908T120000Z-0123456789
-- column source: name of the archive or folder · no unit · notMNIST_small
-- column label: name of the class folder, null for members outside any · no unit · A
-- column seen: members read, directories not counted · members · 1873
-- column stored: members stored as images · members · 1872
-- column rejected: members in table reject · members · 1
-- column ignored: members passed over: the sum of the four columns that follow · members · 0
-- column ignored_hidden: hidden files and __MACOSX · members · 0
-- column ignored_link: symbolic and hard links · members · 0
-- column ignored_device: devices, pipes and sockets · members · 0
-- column ignored_outside: files outside a class folder · members · 0
select
    ledger.run_id,
    ledger.source,
    ledger.label,
    ledger.seen,
    ledger.stored,
    ledger.rejected,
    ledger.ignored_hidden + ledger.ignored_link + ledger.ignored_device + ledger.ignored_outside as ignored,
    ledger.ignored_hidden,
    ledger.ignored_link,
    ledger.ignored_device,
    ledger.ignored_outside
from stored_ledger as ledger
