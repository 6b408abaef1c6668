//! Sightings in Bash.
