set local role holdfast_owner;
drop trigger models_keep_promoted on holdfast.models;
drop function holdfast.refuse_removal();
revoke select, delete on holdfast.models, holdfast.artefacts from holdfast_retention;
