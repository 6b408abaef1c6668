//! Every file of tests with every version that is verified.

use crate::lab;

macro_rules! python {
    ($module:ident = $version:literal: $($test:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::lab::python($version, concat!("test_", stringify!($test)));
                }
            )*
        }
    };
}

macro_rules! javascript {
    ($module:ident = $version:literal: $($test:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::lab::javascript($version, stringify!($test));
                }
            )*
        }
    };
}

python!(python_2_63 = "2.63": sandboxes commands files code ports pauses rough);
python!(python_2_46 = "2.46": sandboxes commands files code ports pauses);
// They ask for code at `49999-ID.DOMAIN` alone, whatever address they are told; so do most of their other tests.
python!(python_2_25 = "2.25": commands files ports);
javascript!(javascript_2_51 = "2.51": sandboxes commands files code);
javascript!(javascript_2_45 = "2.45": sandboxes commands files code);
javascript!(javascript_2_20 = "2.20": commands files);
