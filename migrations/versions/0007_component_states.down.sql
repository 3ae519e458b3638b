-- loses: component_states
set local role holdfast_owner;
drop table holdfast.component_states;
