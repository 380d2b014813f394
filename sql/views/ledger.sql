-- title: What became of every member: seen = stored + rejected + ignored
-- column run_id: run that read the source · no unit · 20110908T120000Z-0123456789
-- column source: name of the archive or folder · no unit · notMNIST_small
-- column label: name of the class folder, null for members outside any · no unit · A
-- column split_rule: what put its images into their splits: option, folder, name, column, published or hash; null for members outside any class folder · no unit · folder
-- column seen: members read, directories not counted · members · 1873
-- column stored: members stored as images · members · 1872
-- column train: images that went to split train · images · 1872
-- column valid: images that went to split valid · images · 0
-- column test: images that went to split test · images · 0
-- column unused: images that went to no split · images · 0
-- column rejected: members in table reject · members · 1
-- column ignored: members passed over: the sum of the five columns that follow · members · 0
-- column ignored_hidden: hidden files and __MACOSX · members · 0
-- column ignored_link: symbolic and hard links · members · 0
-- column ignored_device: devices, pipes and sockets · members · 0
-- column ignored_outside: files outside a class folder · members · 0
-- column ignored_known: images whose pixels an earlier run has, under --skip-known · members · 0
select
    ledger.run_id,
    ledger.source,
    ledger.label,
    ledger.split_rule,
    ledger.seen,
    ledger.stored,
    ledger.train,
    ledger.valid,
    ledger.test,
    ledger.unused,
    ledger.rejected,
    ledger.ignored_hidden + ledger.ignored_link + ledger.ignored_device + ledger.ignored_outside
        + ledger.ignored_known as ignored,
    ledger.ignored_hidden,
    ledger.ignored_link,
    ledger.ignored_device,
    ledger.ignored_outside,
    ledger.ignored_known
from stored_ledger as ledger
