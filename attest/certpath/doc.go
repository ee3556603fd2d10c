// Package certpath finds and validates certification paths (RFC 5280 section 6.1).
//
// What a claimant sends is a leaf and an unordered bag of further certificates; only the anchors that the operator
// configured are trusted, never those of the system. [Find] searches the bag for a path from the leaf to an anchor and
// lets a path count only when every rule of section 6.1 holds on it. The search and the matching of names have a budget,
// because whoever sends the bag chooses how hard the search is.
//
// crypto/x509 parses certificates and verifies single signatures here. Its Verify is not used: it lets pass what this package
// must refuse (directory name constraints, an empty extended key usage, name constraints in a leaf and more) and
// refuses some of what the standard allows.
package certpath
