-- find_database: whether the server has a database of that name
select from pg_database where datname = %(name)s

-- find_missing_roles: of the roles that a dump names, those that this server lacks, as statements that make them
select format('create role %%I nologin', name) from unnest(%(names)s::text[]) as name
where name not in (select rolname from pg_roles)

-- find_major: which PostgreSQL this is
select current_setting('server_version_num')::integer / 10000
