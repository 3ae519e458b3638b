-- loses: reconciliations, quarantine, audit_log, commands
set local role holdfast_owner;
drop table holdfast.reconciliations, holdfast.quarantine, holdfast.audit_log, holdfast.commands;
