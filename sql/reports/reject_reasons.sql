-- title: Members that could not be stored, by source, label and reason
-- grain: reject
select
    reject.source,
    reject.label,
    reject.reason,
    count(*) as members,
    min(reject.path) as first_path
from reject
group by reject.source, reject.label, reject.reason
order by reject.source, reject.label nulls last, reject.reason
