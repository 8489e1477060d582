//! Each file in scenarios/ is a test.

ikelab_test::scenarios!("scenarios");
