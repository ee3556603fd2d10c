package setup

import (
	"fmt"

	"golang.org/x/mod/semver"
)

// CheckVersion refuses a server that says that it is older than least. One that was built without a name for its version says nothing, or
// master.
func CheckVersion(server, version, least string) error {
	if semver.IsValid(version) && semver.Compare(version, least) < 0 {
		return fmt.Errorf("this %s is %s: it must be %s or newer", server, version, least)
	}
	return nil
}
