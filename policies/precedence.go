package policies

// cross reports whether two patterns match some path both while each also
// matches one that the other does not, so that neither is more specific. It
// compares them as http.ServeMux does.
func cross(a, b []segment) bool {
	var narrow, wide bool // a is narrower, or wider, than b at some segment
	for i := range min(len(a), len(b)) {
		s, t := a[i], b[i]
		switch {
		case s.shape == rest || t.shape == rest:
			wide = wide || t.shape != rest
			narrow = narrow || s.shape != rest
			return narrow && wide
		case s.shape == single && t.shape == literal:
			wide = true
		case s.shape == literal && t.shape == single:
			narrow = true
		case s != t && s.shape != single:
			return false // two literals, or {$}, which has no name, and another
		case s.shape != t.shape:
			return false
		}
	}
	// Without a rest at its end the shorter pattern matches no deeper path.
	return len(a) == len(b) && narrow && wide
}

// shareMethod reports whether some method is covered by both lines.
func shareMethod(a, b *line) bool {
	for _, m := range a.rule.Methods {
		if m == "*" || b.covers(m) || m == "GET" && b.covers("HEAD") {
			return true
		}
	}
	return false
}
