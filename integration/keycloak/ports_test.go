package keycloak

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// asked is the variable by which the test below, in another process, is asked about a port.
const asked = "REGRANT_TEST_PORT"

func TestAPortIsReservedForOneProcess(t *testing.T) {
	if port, err := strconv.Atoi(os.Getenv(asked)); err == nil {
		if mine, err := reserve(port); mine || err != nil {
			t.Fatalf("reserved: %v, %v", mine, err)
		}
		return
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	if mine, err := reserve(port); mine || err != nil {
		t.Errorf("reserved twice: %v, %v", mine, err)
	}
	another := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	another.Env = append(os.Environ(), asked+"="+strconv.Itoa(port))
	if out, err := another.CombinedOutput(); err != nil {
		t.Errorf("by another process too: %v: %s", err, out)
	}
}
