-- title: One row a finished run, in order
-- column run_id: id, beginning with the UTC second it started · no unit · 20110908T120000Z-0123456789
-- column sequence: order in which the runs were finished, from 1 · no unit · 1
-- column verb: the command · no unit · ingest
-- column arguments: its options as JSON · no unit · {"shape": "28x28x1"}
-- column source: name of the source, where the run read one · no unit · notMNIST_small
-- column source_sha256: sha256 of the archive; for a folder, over its sorted paths and file hashes · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column source_bytes: size of the archive, or of the folder's files · bytes · 8458043
-- column members_seen: members read · members · 18726
-- column members_stored: members stored as images · members · 18724
-- column members_rejected: members in table reject · members · 2
-- column members_ignored: members passed over · members · 0
-- column withdraws: run whose rows this one took out of every view · no unit · 20110908T120000Z-0123456789
-- column restores: run whose rows this one brought back · no unit · 20110908T120000Z-0123456789
-- column state: live, or withdrawn where a later run took its rows out of every view · no unit · live
-- column started_at: when it started · UTC · 2011-09-08 12:00:00+00
-- column seconds: how long it took · seconds · 8.1
-- column versions: versions of the program and of the packages that shape its results, as JSON · no unit · {"pillow": "13.0.0"}
--
-- A run exists from the moment its row is committed; rows of unfinished runs are in no view.
select
    run.run_id,
    run.sequence,
    run.verb,
    run.arguments,
    run.source,
    run.source_sha256,
    run.source_bytes,
    run.members_seen,
    run.members_stored,
    run.members_rejected,
    run.members_ignored,
    run.withdraws,
    run.restores,
    coalesce(last_word.state, 'live') as state,
    run.started_at,
    run.seconds,
    run.versions
from stored_run as run
left join (
    select
        coalesce(stored_run.withdraws, stored_run.restores) as run_id,
        arg_max(
            case when stored_run.withdraws is not null then 'withdrawn' else 'live' end,
            stored_run.sequence
        ) as state
    from stored_run
    where stored_run.withdraws is not null or stored_run.restores is not null
    group by coalesce(stored_run.withdraws, stored_run.restores)
) as last_word on last_word.run_id = run.run_id
