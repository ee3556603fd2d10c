package gateway

import (
	"net/http"
	"strings"

	"github.com/regrant/regrant/internal/gateway/pages"
)

// listDownloads shows which programs are offered, with their checksums.
func (g *Gateway) listDownloads(w http.ResponseWriter, _ *http.Request) error {
	if g.Downloads == nil {
		return errNotFound
	}
	var list []pages.Program
	for _, f := range g.Downloads.Files() {
		list = append(list, pages.Program{Name: f.Name, Size: f.Size, Checksum: f.Checksum, URL: g.prefix + "downloads/" + f.Name})
	}
	return g.pages.Write(w, http.StatusOK, pages.Programs(list))
}

// download serves one of them. The name is looked up in the list, and is never a path.
func (g *Gateway) download(w http.ResponseWriter, r *http.Request) error {
	if g.Downloads == nil {
		return errNotFound
	}
	name := strings.TrimPrefix(r.URL.Path, g.prefix+"downloads/")
	for _, f := range g.Downloads.Files() {
		if f.Name == name {
			w.Header().Set("Cache-Control", "public, max-age=300")
			return g.Downloads.Serve(w, r, f)
		}
	}
	return errNotFound
}
