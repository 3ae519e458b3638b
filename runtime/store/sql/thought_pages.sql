-- load_decisions: what bots were asked and answered, the newest first
select d.decision_id, d.bot_id, d.at, d.prompt, d.prompt_length, d.answer, d.answer_length, d.decisions, d.notes, d.success,
  d.duration_ms, d.cause_keys, d.order_ids, d.at, d.decision_id::text
from bots
cross join lateral (
  select * from decisions
  where decisions.bot_id = bots.bot_id and decisions.user_id = bots.user_id
    and (%(after_at)s::timestamptz is null or at <= %(after_at)s::timestamptz
      and (at < %(after_at)s::timestamptz or decision_id::text < %(after_key)s::text collate "C"))
  order by at desc, decision_id::text collate "C" desc limit %(count)s
) as d
where %(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid
order by d.at desc, d.decision_id::text collate "C" desc limit %(count)s

-- load_decision: one of them
select d.decision_id, d.bot_id, d.at, d.prompt, d.prompt_length, d.answer, d.answer_length, d.decisions, d.notes, d.success,
  d.duration_ms, d.cause_keys, d.order_ids
from decisions as d
where d.decision_id = %(decision_id)s

-- load_cause: the decision that an order followed from
select d.decision_id, d.bot_id, d.at, d.prompt, d.prompt_length, d.answer, d.answer_length, d.decisions, d.notes, d.success,
  d.duration_ms, d.cause_keys, d.order_ids
from decisions as d
where d.bot_id = %(bot)s and d.at between %(since)s and %(until)s and %(order_id)s = any(d.order_ids)
order by d.at desc limit 1

-- load_predictions: what models expected, the newest first
select p.prediction_id, p.bot_id, p.at, p.symbol, p.model, p.horizon_seconds, p.direction, trim_scale(p.confidence)::text,
  trim_scale(p.price)::text, trim_scale(p.target)::text, p.features, p.outcome, trim_scale(p.outcome_price)::text,
  p.resolved_at, p.at, p.prediction_id::text
from bots
cross join lateral (
  select * from predictions
  where predictions.bot_id = bots.bot_id and predictions.user_id = bots.user_id
    and (%(symbol)s::text is null or symbol = %(symbol)s::text)
    and (%(model)s::text is null or model = %(model)s::text)
    and (%(after_at)s::timestamptz is null or at <= %(after_at)s::timestamptz
      and (at < %(after_at)s::timestamptz or prediction_id::text < %(after_key)s::text collate "C"))
  order by at desc, prediction_id::text collate "C" desc limit %(count)s
) as p
where %(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid
order by p.at desc, p.prediction_id::text collate "C" desc limit %(count)s

-- load_phantoms: every signal and what became of it, the newest first
select p.phantom_id, p.bot_id, p.at, p.symbol, p.strategy, p.side, p.executed, p.reason, trim_scale(p.score)::text,
  p.cause_key, trim_scale(p.opened_price)::text, trim_scale(p.take_profit)::text, trim_scale(p.stop_loss)::text, p.features,
  p.closed_at, trim_scale(p.closed_price)::text, p.outcome, trim_scale(p.result)::text, p.at, p.phantom_id::text
from bots
cross join lateral (
  select * from phantoms
  where phantoms.bot_id = bots.bot_id and phantoms.user_id = bots.user_id
    and (%(symbol)s::text is null or symbol = %(symbol)s::text)
    and (%(executed)s::boolean is null or executed = %(executed)s::boolean)
    and (%(after_at)s::timestamptz is null or at <= %(after_at)s::timestamptz
      and (at < %(after_at)s::timestamptz or phantom_id::text < %(after_key)s::text collate "C"))
  order by at desc, phantom_id::text collate "C" desc limit %(count)s
) as p
where %(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid
order by p.at desc, p.phantom_id::text collate "C" desc limit %(count)s

-- load_signals: those that one cause gave
select p.phantom_id, p.bot_id, p.at, p.symbol, p.strategy, p.side, p.executed, p.reason, trim_scale(p.score)::text,
  p.cause_key, trim_scale(p.opened_price)::text, trim_scale(p.take_profit)::text, trim_scale(p.stop_loss)::text, p.features,
  p.closed_at, trim_scale(p.closed_price)::text, p.outcome, trim_scale(p.result)::text
from phantoms as p
where p.bot_id = %(bot)s and p.at between %(since)s and %(until)s and p.cause_key = %(key)s
order by p.at limit %(count)s

-- load_models: of each name of each bot the promoted version and the newest ones; the text falls as versions rise
select m.bot_id, m.name, m.version, encode(m.digest, 'hex'), m.size, m.place, m.codec, m.metrics, m.training_size,
  m.examples_seen, m.promoted, m.previous, m.created_at, m.sort_key
from bots
cross join lateral (
  select models.*, artefacts.size, artefacts.place,
    models.bot_id || '/' || models.name || '/' || lpad((9223372036854775807 - version)::text, 19, '0') as sort_key,
    row_number() over (partition by models.name order by promoted desc, version desc) as rank
  from models join artefacts using (digest, user_id)
  where models.bot_id = bots.bot_id and models.user_id = bots.user_id
) as m
where m.rank <= %(versions)s and (%(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid)
  and (%(after_key)s::text is null or m.sort_key > %(after_key)s::text collate "C")
order by m.sort_key collate "C" limit %(count)s

-- load_gated: bots that learn of their own signals: how many of those ended, and how many had at the last training
select b.bot_id, b.name, b.strategy, b.parameters, judged.count, newest.examples_seen, newest.created_at, b.bot_id::text
from (
  select * from bots
  where parameters -> %(parameter)s::text <> 'null' and (%(bot)s::uuid is null or bot_id = %(bot)s::uuid)
    and (%(after_key)s::text is null or bot_id::text > %(after_key)s::text collate "C")
  order by bot_id::text collate "C" limit %(count)s
) as b
cross join lateral (
  select count(*) from phantoms
  where phantoms.bot_id = b.bot_id and phantoms.user_id = b.user_id and phantoms.strategy = b.strategy and outcome <> 'void'
) as judged
left join lateral (
  select examples_seen, created_at from models
  where models.bot_id = b.bot_id and models.user_id = b.user_id and models.name = format(%(model)s::text, b.strategy)
  order by version desc limit 1
) as newest on true
order by b.bot_id::text collate "C"

-- load_components: what each saved last, and how much that is
select s.bot_id, s.component, s.version, s.saved_at, s.shape, s.codec,
  octet_length(s.body), encode(s.digest, 'hex'), s.epoch, s.counted,
  case when s.codec = 'json' and octet_length(s.body) <= %(bytes)s then convert_from(s.body, 'UTF8') end,
  s.bot_id || '/' || s.component
from bots
cross join lateral (
  select distinct on (component) * from component_states
  where component_states.bot_id = bots.bot_id and component_states.user_id = bots.user_id
  order by component, version desc
) as s
where (%(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid)
  and (%(after_key)s::text is null or s.bot_id || '/' || s.component > %(after_key)s::text collate "C")
order by (s.bot_id || '/' || s.component) collate "C" limit %(count)s
