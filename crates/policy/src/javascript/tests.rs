//! Sightings in JavaScript.
