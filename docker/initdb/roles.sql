-- Run once by the postgres image when its volume is empty. The migration would make the roles too, but without a
-- password they could not sign in from another container.
\set bot_password `cat /run/secrets/bot_password`
create role holdfast_bot login password :'bot_password';
\set api_password `cat /run/secrets/api_password`
create role holdfast_api login password :'api_password';
