-- Versions of models that nobody will go back to may go, and bytes that no model names; what is in use goes for nobody.
set local role holdfast_owner;
grant select, delete on holdfast.models, holdfast.artefacts to holdfast_retention;

create function holdfast.refuse_removal() returns trigger
  language plpgsql
as $body$
begin
  raise exception 'version % of % is in use', old.version, old.name using errcode = 'HF003';
end
$body$;
create trigger models_keep_promoted before delete on holdfast.models
  for each row when (old.promoted) execute function holdfast.refuse_removal();
