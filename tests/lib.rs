//! Nothing of its own: this package holds the tests that cross services (`journeys`), the trials of every worker
//! (`worker_spec`), the storm (`chaos`) and the house rules (`house`).
