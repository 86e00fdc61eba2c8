//! Nothing of its own: this package holds the tests that cross services (`journeys`), what a live call is told (`answers`),
//! the cache and its model (`cache`), the trials of every worker (`worker_spec`), the storms (`chaos`), what things cost
//! (`bench`) and the house rules (`house`).
