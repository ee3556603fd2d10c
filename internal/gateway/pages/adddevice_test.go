package pages

import (
	"slices"
	"testing"
	"time"
)

// Whoever runs the command of a method that is not configured has bound a device that counts for nothing.
func TestADeviceIsAddedByTheCommandsOfWhatIsConfigured(t *testing.T) {
	const issuer = "https://id.example.com/recovery"
	plain := "regrant device enroll --issuer " + issuer
	for kinds, want := range map[DeviceKinds]struct {
		commands []string
		title    string
	}{
		{File: true}:            {[]string{plain}, "Device certificate"},
		{TPM: true}:             {[]string{plain + " --tpm"}, "TPM of a device"},
		{File: true, TPM: true}: {[]string{plain, plain + " --tpm"}, "Device certificate"},
	} {
		var got []string
		for _, step := range AddingDevice(NewDevice{Issuer: issuer, Code: "CODE", Until: time.Now(), Kinds: kinds}).Steps {
			if isProgram(step.Command) {
				got = append(got, step.Command)
			}
		}
		if !slices.Equal(got, want.commands) {
			t.Errorf("%+v: the commands are %q, want %q", kinds, got, want.commands)
		}
		if s := AddDevice(kinds, Form{}); s.Title != want.title || s.Form.Button != "Add: "+want.title {
			t.Errorf("%+v: offered as %q by %q", kinds, s.Title, s.Form.Button)
		}
	}
}
