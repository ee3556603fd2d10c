package caddymodule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What people do next who have loaded the Caddyfile, at the gateway that the flags name.
func lookThen(cmd *cobra.Command) string {
	return "caddy regrant doctor" + given(cmd, gatewayFlags...) + " looks for what stands open."
}

func tryThen(cmd *cobra.Command) string {
	return "caddy regrant try --as YOU" + given(cmd, gatewayFlags...) + ` goes through a whole recovery, with an account that is
     made for it; ` + lookThen(cmd)
}

func nextStrict(cmd *cobra.Command) string {
	at := given(cmd, gatewayFlags...)
	return fmt.Sprintf(`Next: load it, and run caddy regrant try%s and caddy regrant doctor%s again. Then sign out, and click
"Forgot password?": it leads to the gateway.`, at, at)
}

// strictThen is the command that closes the identity provider's own ways back, with every flag that was given.
func strictThen(cmd *cobra.Command, argument string) string {
	var names []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"apply", "json", "mode", "administrator"}, f.Name) {
			names = append(names, f.Name)
		}
	})
	return "caddy regrant init " + cmd.Name() + argument + given(cmd, names...) + " \\\n       --mode strict --administrator YOU"
}

// gatewayFlags name the gateway that runs, for every command.
var gatewayFlags = []string{"address", "config", "adapter", "upstream"}

// given are the flags among names that were given, as they are typed into a shell.
func given(cmd *cobra.Command, names ...string) string {
	var typed strings.Builder
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			if typed.WriteString(" --" + name); f.NoOptDefVal == "" {
				typed.WriteString(" " + shell(value))
			} else if value != f.NoOptDefVal {
				typed.WriteString("=" + value)
			}
		}
	}
	return typed.String()
}

// plainWord needs no quotes in a shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

func shell(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// listed is a list in words.
func listed(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
