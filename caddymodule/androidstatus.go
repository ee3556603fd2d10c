package caddymodule

import (
	"cmp"
	"time"

	"github.com/regrant/regrant/internal/revocation"
)

// useStatusLists gives each method that accepts attestations of Android the list of
// revoked keys that they are held against. Passkeys have that of the devices where
// they name no other, and what names one URL has one list. It calls nobody.
func (a *App) useStatusLists() {
	lists := make(map[string]*revocation.AndroidStatus)
	list := func(url string) *revocation.AndroidStatus {
		if lists[url] == nil {
			lists[url] = revocation.NewAndroidStatus(url, time.Now, a.logger)
			a.lists = append(a.lists, lists[url])
		}
		return lists[url]
	}
	common := revocation.AndroidStatusURL
	if k := a.device.AndroidKey; k != nil {
		k.status, common = list(k.Status), k.Status
	}
	if p := a.passkey; p != nil && p.attested() {
		p.status = list(cmp.Or(p.AndroidStatus, common))
	}
}
