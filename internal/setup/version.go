package setup

import (
	"fmt"

	"github.com/regrant/regrant/upstream"
)

// CheckVersion refuses a server that says that it is older than least, see [upstream.Older].
func CheckVersion(server, version, least string) error {
	if upstream.Older(version, least) {
		return fmt.Errorf("this %s is %s: it must be %s or newer", server, version, least)
	}
	return nil
}
