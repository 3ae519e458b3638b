set local role holdfast_owner;
do $policies$
declare
  table_name name;
begin
  for table_name in
    select tablename from pg_policies where schemaname = 'holdfast' and policyname = 'backup' order by 1
  loop
    execute format('drop policy backup on holdfast.%I', table_name);
  end loop;
end
$policies$;
