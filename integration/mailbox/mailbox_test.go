package mailbox_test

import (
	"fmt"
	"net/smtp"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/mailbox"
)

func TestMailsAreKeptAsAPersonReadsThem(t *testing.T) {
	b, err := mailbox.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	mails := []string{
		"Subject: a\r\n\r\nplain\r\n",
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nlo=\r\nng =3D\r\n",
		"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nfirst=21\r\n--x\r\n\r\nsecond\r\n--x--\r\n",
	}
	for _, m := range mails {
		if err := smtp.SendMail(fmt.Sprintf("127.0.0.1:%d", b.Port), nil, "a@example.com", []string{"b@example.com"}, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	texts := b.Texts()
	for i, want := range []string{"plain", "long =", "first!"} {
		if got := strings.TrimSpace(texts[i]); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
}
