// Command store does to a token store, from inside, what the gateway's interfaces
// cannot do in time or cannot show: it fills one with tokens, times look-ups, and
// measures how many commits the disk takes.
//
//	store fill   -directory D -tokens N -managed M
//	store lookup -directory D -tokens N -count C
//	store commit -directory D -parallel P -count C
//
// Invariant: it writes through the product's typed layer, so that the records are
// those of a store in use.
//
// It is the one package of the bench that imports the product. Nothing imports it;
// the bench runs it.
package main
