package secret

import (
	"strings"
	"sync"
	"testing"
)

func TestEasyPassphrasesAreToldFromStrongOnes(t *testing.T) {
	for _, weak := range []string{
		"passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "qwertyuiopasdfghjkl", "123456789012345678", "1234567890abcdefghij",
		"iloveyouiloveyou", "My$tr0ngP4$$w0rd", "January 2026 January 2026", strings.Repeat("Xk4m", 10), "horse horse Horse horse",
		"alice.smith@example.com", "Alice Smith Example", "ALICEALICEALICEALICE", "id example com recovery", "alice smith passphrase",
		"my recovery passphrase", "regrant regrant regrant", "пароль пароль пароль", "ééééééééééééééééé",
	} {
		if isStrong(passphrase(weak), "alice.smith@example.com", "https://id.example.com/recovery") {
			t.Errorf("%q is taken for strong", weak)
		}
	}
	for _, strong := range []string{
		chosen, "volcano umbrella tractor pianist", "correct horse battery staple", "x7#Lq!vT2m@Zp9wK", "лошадь верно батарея скрепка",
		"正しい馬電池ホチキス青い空の下で", "Alice's cactus sings at 4 in the fridge", strings.Repeat("maple tidal engine frost ", 5),
	} {
		if !isStrong(passphrase(strong), "alice.smith@example.com", "https://id.example.com/recovery") {
			t.Errorf("%q is taken for easy", strong)
		}
	}
}

func TestStrengthIsJudgedForManyAtOnce(t *testing.T) {
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			if !isStrong(chosen, "alice", "https://id.example.com/recovery") {
				t.Error("taken for easy")
			}
		})
	}
	done.Wait()
}

func FuzzStrength(f *testing.F) {
	for _, seed := range []string{
		chosen, "", "İİİİİİİİİİİİİİİ", strings.Repeat("4@8({[<3691!|70$5+%2", 4), "\xff\xfe", "1987-12-31 31.12.1987", "正しい馬",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, p, name string) {
		if len(p) > maxPassphraseText || len(name) > 256 {
			return
		}
		if isStrong(passphrase(p), name, "https://id.example.com/recovery") && p == name && len(strings.Fields(p)) == 1 {
			t.Error("the account's name is taken for strong")
		}
	})
}
