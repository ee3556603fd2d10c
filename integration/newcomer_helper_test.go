package integration

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// For seven days after a recovery nobody binds anything more to an account with an operator's code. So in an environment that tests
// share, or in which several people recover, each takes an account that nobody has used.

// arrived counts them in each environment, by its folder.
var arrived sync.Map

// newcomers are the accounts that all but Keycloak have for that. Keycloak makes them as they come.
func newcomers() (names []string) {
	for i := range 100 {
		names = append(names, fmt.Sprintf("newcomer%d", i+1))
	}
	return names
}

// newcomer is the name of the next one, whose password is NAME-password.
func newcomer(t *testing.T, e *env.Env) string {
	t.Helper()
	come, _ := arrived.LoadOrStore(e.Dir, new(atomic.Int32))
	n := int(come.(*atomic.Int32).Add(1))
	if server, ok := e.Provider.(env.KeycloakProvider); ok {
		name := fmt.Sprintf("newcomer%d", n)
		_, err := server.Server.NewUser(t.Context(), name)
		fatal(t, err)
		return name
	}
	if all := newcomers(); n <= len(all) {
		return all[n-1]
	}
	t.Fatal("all newcomers have come: let newcomers make more of them")
	return ""
}
