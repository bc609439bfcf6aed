// Package strictjson reads JSON objects that come from outside, field by field.
//
// Its one invariant: an object that two readers could understand differently is
// refused: a name that occurs twice, something after the object, bytes that are no
// UTF-8. Names are taken exactly, unlike those of a struct.
//
// It imports nothing of ours. Any package may import it.
package strictjson
