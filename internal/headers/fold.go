package headers

// maxName bounds the names that Names accepts, in bytes. Of longer ones only so
// much is compared, so that the Guard removes rather more than less.
const maxName = 64

// foldedName is a header name as the loosest server reads it.
type foldedName struct {
	buf [maxName]byte
	n   int
}

// fold writes name in lower case, with a dash for every byte that is neither a
// letter nor a digit. It is a value on the caller's stack, so that cleaning a
// request allocates nothing.
func fold(name string) (f foldedName) {
	f.n = min(len(name), maxName)
	for i := range f.n {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		default:
			c = '-'
		}
		f.buf[i] = c
	}
	return f
}

func (f *foldedName) bytes() []byte { return f.buf[:f.n] }
