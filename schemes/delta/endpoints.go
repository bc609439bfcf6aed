package delta

import "slices"

// ownEndpoint is a part of the site that the scheme serves itself.
type ownEndpoint struct {
	area area
	path string
	// operations are what clients call there, as methods and paths.
	operations []string
}

// ownEndpoints are all that a site serves itself.
func ownEndpoints(c *Config) []ownEndpoint {
	at := func(path string, methods ...string) []string {
		for i, method := range methods {
			methods[i] = method + " " + path
		}
		return methods
	}
	own := []ownEndpoint{
		{activation, ActivationPath, at(ActivationPath, "GET", "HEAD", "POST")},
		{publicActivation, PublicActivationPath, slices.Concat(
			at(retrievalPath+"/{activation_url}", "GET", "HEAD"), at(linkInfoPath+"/{activation_url}", "GET", "HEAD"))},
		{tokenEndpoint, c.TokenEndpoint, at(c.TokenEndpoint, "POST")},
	}
	if c.CredentialsAPI != nil {
		own = append(own, ownEndpoint{credentials, c.CredentialsAPI.Path, at(c.CredentialsAPI.Path, "GET", "POST", "PATCH")})
	}
	return own
}

// holds tells whether a path belongs to the part.
func (e *ownEndpoint) holds(path string) bool {
	return path == e.path || e.area == publicActivation && within(path, e.path)
}

// isServed tells whether all calls of a path are for the scheme's own endpoints; if it is
// not the whole path, those of all that it goes on to.
func isServed(own []ownEndpoint, path string, whole bool) bool {
	return whole && slices.ContainsFunc(own, func(e ownEndpoint) bool { return path == e.path && e.area != publicActivation }) ||
		within(path, retrievalPath) && path != retrievalPath || within(path, linkInfoPath) && path != linkInfoPath
}

// Endpoints returns what the scheme serves itself, as methods and paths, in which
// {activation_url} stands for one segment or more.
func (s *Scheme) Endpoints() []string {
	var all []string
	for _, e := range s.own {
		all = append(all, e.operations...)
	}
	return all
}
