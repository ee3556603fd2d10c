package android

import (
	"encoding/hex"
	"slices"

	"github.com/regrant/regrant/attest/certpath"
)

// published are the keys with which Android attests where there is no secure hardware, as SHA-256 of the SubjectPublicKeyInfo. Their private halves are in
// Android's source, so no configuration can make them trustworthy.
var published = []string{
	"d5100c7942ef2e8310dc30ef82729680cf48d690735c3f68179a33c7c370f286", // ECDSA, root
	"f7d20ab04f01da6cbb6d1e3d9d00cd28495cb6f9a27ec85cf3e3e872d7c35878", // ECDSA, below it
	"f2c4746f545946c100e72297f8f946344d7052f03a2f694221f9c893b0e6f711", // RSA, root
	"9f09e6e690f8d0474b5b7096ea7da9e3d316d889649443c2d8bf5c831f0f6b69", // RSA, below it
}

func isPublished(c *certpath.Certificate) bool {
	spki := c.SPKI()
	return slices.Contains(published, hex.EncodeToString(spki[:]))
}
