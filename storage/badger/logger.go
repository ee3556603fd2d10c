package badger

import (
	"fmt"
	"log/slog"
	"strings"

	dgbadger "github.com/dgraph-io/badger/v4"
)

// logger passes on what Badger says at warning and above; the rest is its daily
// round of compactions.
type logger struct{ to *slog.Logger }

func (l logger) Errorf(format string, args ...any)   { l.to.Error(message(format, args)) }
func (l logger) Warningf(format string, args ...any) { l.to.Warn(message(format, args)) }
func (l logger) Infof(string, ...any)                {}
func (l logger) Debugf(string, ...any)               {}

func message(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}

var _ dgbadger.Logger = logger{}
