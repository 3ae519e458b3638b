-- Run once by the postgres image when its volume is empty. The migration would make the role too, but without a
-- password it could not sign in from another container.
\set bot_password `cat /run/secrets/bot_password`
create role holdfast_bot login password :'bot_password';
