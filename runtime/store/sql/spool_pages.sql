-- load_spools: how far each was drained, the last drained first
select spool_id, sequence, moved_at from spool_positions order by moved_at desc, spool_id limit %(count)s
