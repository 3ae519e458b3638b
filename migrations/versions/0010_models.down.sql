-- loses: model_aliases, models, artefacts
set local role holdfast_owner;
-- Refused while somebody has ever asked for a model: what was asked is history, and no older program knows these verbs.
alter table holdfast.commands drop constraint commands_verb_known, add constraint commands_verb_known check (
  verb in ('pause', 'resume', 'flatten', 'cancel', 'adopt', 'ignore', 'close', 'reset'));
drop table holdfast.model_aliases, holdfast.models, holdfast.artefacts;
