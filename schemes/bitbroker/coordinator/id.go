package coordinator

import "strconv"

// lower is a text in lower case, of ASCII alone: what JavaScript would fold into ASCII from
// outside of it, such as the Kelvin sign, stays what it is.
func lower(text string) string {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			data := []byte(text)
			for j := i; j < len(data); j++ {
				if 'A' <= data[j] && data[j] <= 'Z' {
					data[j] += 'a' - 'A'
				}
			}
			return string(data)
		}
	}
	return text
}

// sameWord compares with a word in lower case, without regard to the case of ASCII.
func sameWord(text, word string) bool { return len(text) == len(word) && lower(text) == word }

// userID reads the id of a user: 1 to 8 digits, of which the first may be zeros.
func userID(text string) (id uint64, ok bool) {
	if len(text) > 8 {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	id, err := strconv.ParseUint(text, 10, 64)
	return id, err == nil && id > 0
}

// storedSlug returns a slug as the store has it; not ok for what was never one.
func storedSlug(text string) (slug string, ok bool) {
	slug = lower(text)
	return slug, len(slugShape.judge(nil, "", slug)) == 0
}
