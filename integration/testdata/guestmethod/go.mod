module example.com/voucher

go 1.26.0

require (
	github.com/caddyserver/caddy/v2 v2.11.9
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3
	github.com/regrant/regrant v0.0.0-00010101000000-000000000000
)

replace github.com/regrant/regrant => ../../..
