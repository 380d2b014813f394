-- title: Members that could not be stored, by source, label and reason
-- grain: reject
select
    reject.source,
    reject.label,
    reject.reason,
    count(*) as members,
    min(reject.path) as first_path
from reject
left join label on label.label = reject.label
group by reject.source, reject.label, label.label_id, reject.reason
order by reject.source, label.label_id nulls last, reject.label nulls last, reject.reason
