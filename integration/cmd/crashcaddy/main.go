// Command crashcaddy is Caddy with the gateway inside, as xcaddy builds it. Built with the tag crashpoints, it ends at the
// point of a recovery that REGRANT_CRASHPOINT names; no product has that tag.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/regrant/regrant/caddymodule"
)

func main() { caddycmd.Main() }
