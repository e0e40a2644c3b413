use super::*;
use crate::catalogue::{CatalogueKey, TakenDown, Unsealed, VerifiedRole};
use onecity_protocol::names::Names;
use onecity_protocol::trust::{CatalogueEntry, Release, Target};

/// `app_id`, Chinese and Vietnamese name, keyword.
type Named<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A catalogue of services by unit: `app_id`, Chinese and Vietnamese name, keyword.
struct City {
    _folder: tempfile::TempDir,
    catalogue: Catalogue,
}

impl City {
    fn new(units: &[(&str, &[Named<'_>])]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut catalogue =
            Catalogue::open(&folder.path().join("catalogue.sqlite"), &CatalogueKey::new(&[7; 32]), Unsealed::Refuse)
                .expect("new");
        for (unit, services) in units {
            let unit: UnitId = unit.parse().expect("a unit");
            let releases = services.iter().map(|(app_id, zh, vi, keyword)| {
                let names = Names::new().with("zh", zh).with("vi", vi).with("en", app_id);
                let mut entry = CatalogueEntry::titled(names, "city");
                entry.keywords = vec![(*keyword).to_owned()];
                let target = Target { path: String::new(), sha256: [0; 32], length: 0, custom: None };
                Release { unit: unit.clone(), app_id: (*app_id).to_owned(), version_code: 1, entry, target }
            });
            let role = VerifiedRole {
                releases: releases.collect(),
                unit,
                version: 1,
                expires: 0,
                taken_down: TakenDown::new(),
            };
            catalogue.keep_roles(&"cn-sd".parse().expect("an id"), &[role]).expect("kept");
        }
        Self { _folder: folder, catalogue }
    }

    fn demo() -> Self {
        Self::new(&[
            (
                "cn-sd/jinan",
                &[
                    ("parking", "智慧停车", "Đỗ xe thông minh", "车位"),
                    ("registration", "户口登记", "Đăng ký hộ khẩu", "落户"),
                    ("green", "绿化认养", "Nhận nuôi cây xanh", "植树"),
                    ("bank", "银行网点", "Điểm giao dịch ngân hàng", "重庆"),
                ],
            ),
            ("cn-sd/qingdao", &[("parking", "停车缴费", "Trả phí đỗ xe", "泊车")]),
        ])
    }

    fn finds(&self, text: &str, nearest: &[&str]) -> Vec<String> {
        let nearest: Vec<UnitId> = nearest.iter().map(|unit| unit.parse().expect("a unit")).collect();
        let found = self.catalogue.search(text, &nearest, 50).expect("searched");
        found.iter().map(ToString::to_string).collect()
    }

    fn first(&self, text: &str) -> Option<String> {
        self.finds(text, &["cn-sd/jinan"]).into_iter().next()
    }
}

#[test]
fn chinese_is_found_by_characters_pinyin_and_initials() {
    let city = City::demo();
    for text in
        ["停车", "停", "智慧停车", "tingche", "tingch", "tc", "zhtc", "zhihui tingche", "车位", "TINGCHE", "ｔｃ"]
    {
        assert_eq!(city.first(text).as_deref(), Some("cn-sd/jinan/parking"), "{text}");
    }
    assert_eq!(city.first("车停"), None);
}

#[test]
fn vietnamese_is_found_without_its_marks_and_spaces() {
    let city = City::demo();
    for text in ["đăng ký", "dang ky", "Đăng Ký", "dangky", "ho khau", "dang k"] {
        assert_eq!(city.first(text).as_deref(), Some("cn-sd/jinan/registration"), "{text}");
    }
}

#[test]
fn characters_with_two_readings_are_found_by_both() {
    let city = City::demo();
    for text in ["yinhang", "chongqing", "zhongqing", "cq", "lvhua", "lhry"] {
        assert!(city.first(text).is_some(), "{text}");
    }
}

#[test]
fn one_slip_is_forgiven_where_nothing_else_fits() {
    let city = City::demo();
    for text in ["tignche", "tingvhe", "tingchhe", "parkng", "registrtaion"] {
        assert!(city.first(text).is_some(), "{text}");
    }
    assert_eq!(city.first("xyzzy"), None);
}

#[test]
fn the_nearest_comes_first_and_names_before_keywords() {
    let city = City::demo();
    assert_eq!(city.finds("停车", &["cn-sd/jinan"]), ["cn-sd/jinan/parking", "cn-sd/qingdao/parking"]);
    assert_eq!(city.finds("停车", &["cn-sd/qingdao"]), ["cn-sd/qingdao/parking", "cn-sd/jinan/parking"]);
    let city = City::new(&[("cn-sd/jinan", &[("a", "公园地图", "", "停车"), ("b", "停车地图", "", "公园")])]);
    assert_eq!(city.finds("停车", &[]), ["cn-sd/jinan/b", "cn-sd/jinan/a"]);
}

#[test]
fn whatever_is_typed_is_only_words() {
    let city = City::demo();
    for text in
        ["", " ", "\"", "\" OR \"", "names:x", "a* AND (", "停\"车", "'; DROP TABLE search; --", "\u{0}", "NEAR(a b)"]
    {
        let _ = city.finds(text, &[]);
    }
    let _ = city.finds(&"停车".repeat(1000), &[]);
    assert_eq!(city.first("停\"车").as_deref(), Some("cn-sd/jinan/parking"), "both characters, apart");
}

#[test]
fn what_a_unit_no_longer_publishes_is_no_longer_found() {
    let mut city = City::demo();
    let unit: UnitId = "cn-sd/jinan".parse().expect("a unit");
    let role =
        VerifiedRole { unit: unit.clone(), version: 2, expires: 0, releases: Vec::new(), taken_down: TakenDown::new() };
    city.catalogue.keep_roles(&"cn-sd".parse().expect("an id"), &[role]).expect("kept");
    assert_eq!(city.finds("停车", &[]), ["cn-sd/qingdao/parking"]);
    city.catalogue.forget_unit(&"cn-sd/qingdao".parse().expect("a unit")).expect("forgotten");
    assert_eq!(city.finds("停车", &[]), Vec::<String>::new());
}

#[test]
fn what_is_near_hides_nothing_elsewhere_and_beginnings_elsewhere_are_looked_for_if_nothing_near_fits() {
    let city = City::demo();
    // A whole word: both.
    assert_eq!(city.finds("đỗ", &["cn-sd/jinan"]), ["cn-sd/jinan/parking", "cn-sd/qingdao/parking"]);
    // The beginning of one: what is near.
    assert_eq!(city.finds("tingch", &["cn-sd/jinan"]), ["cn-sd/jinan/parking"]);
    // Nothing near fits, exactly or with a slip.
    assert_eq!(city.finds("泊", &["cn-sd/jinan"]), ["cn-sd/qingdao/parking"]);
    assert_eq!(city.finds("tra phi", &["cn-sd/jinan"]), ["cn-sd/qingdao/parking"]);
    assert_eq!(city.finds("jiaofie", &["cn-sd/jinan"]), ["cn-sd/qingdao/parking"]);
    assert_eq!(city.finds("tingch", &["cn-sd/zibo"]).len(), 2, "nothing of that city is on the phone");
}

#[test]
fn a_publisher_elsewhere_shows_its_best_and_fills_nobody_s_screen() {
    // Every third has the word for a name, the others for a keyword.
    let ids: Vec<String> = (10..40).map(|at| format!("s{at}")).collect();
    let named =
        |(at, id)| if at % 3 == 0 { (id, "停车", "Đỗ", "泊") } else { (id, "便民", "Tiện ích", "停车") };
    let own: Vec<Named<'_>> = ids.iter().map(String::as_str).enumerate().map(named).collect();
    let city = City::new(&[
        ("cn-sd/jinan", &[("parking", "智慧停车", "Đỗ xe", "车位")]),
        ("cn-sd/qingdao", &own[..20]),
        ("cn-sd/qingdao/~transport", &own[20..]),
    ]);
    let near = city.finds("停车", &["cn-sd/jinan"]);
    // Those whose name fits, three of the whole publisher.
    assert_eq!(near, ["cn-sd/jinan/parking", "cn-sd/qingdao/s10", "cn-sd/qingdao/s13", "cn-sd/qingdao/s16"]);
    assert_eq!(city.finds("停车", &["cn-sd/qingdao", "cn-sd/qingdao/~transport"]).len(), 31);
    assert_eq!(city.finds("泊", &["cn-sd/jinan"]).len(), 10, "nothing near fits");
}

#[test]
fn an_entry_takes_so_much_of_the_index_and_its_names_come_first() {
    let long: String = (0..2000).map(|at| format!("w{at} ")).collect();
    let (mut names, mut others) = (Terms::of_names(), Terms::of_others());
    names.add_name("停车");
    for _ in 0..64 {
        names.add_name(&long);
        others.add_name(&long);
        others.add_text(&long);
    }
    let bytes = |terms: &Terms| terms.marked("").len();
    assert!(bytes(&names) <= onecity_protocol::limits::INDEXED_NAME_BYTES, "{}", bytes(&names));
    assert!(bytes(&others) <= onecity_protocol::limits::INDEXED_TEXT_BYTES, "{}", bytes(&others));
    assert!(names.marked("m").split(' ').any(|word| word == "mtingche"));
}

#[test]
fn an_index_without_words_is_made_again_when_the_file_is_opened() {
    let City { _folder: folder, catalogue } = City::demo();
    catalogue.db.execute_batch("DELETE FROM search; DELETE FROM searchable").expect("emptied");
    assert!(catalogue.search("停车", &[], 9).expect("searched").is_empty());
    drop(catalogue);
    let path = folder.path().join("catalogue.sqlite");
    let opened = Catalogue::open(&path, &CatalogueKey::new(&[7; 32]), Unsealed::Refuse).expect("opened");
    assert_eq!(opened.search("停车", &[], 9).expect("searched").len(), 2);
}

#[test]
fn no_letter_in_a_keyword_puts_a_word_among_those_of_another_publisher() {
    // Letters by Rust that SQLite's Unicode tables take for something else, old and new.
    for divides in ['\u{1f150}', '\u{1e900}', '\u{24b6}', '\u{11f02}', '\u{30000}'] {
        assert!(divides.is_alphanumeric(), "{divides:?}");
        let foreign = format!("{divides}{}tingche", Area::of(&"cn-sd/qingdao".parse().expect("a unit")).mark());
        let city = City::new(&[
            ("cn-sd/jinan", &[("report", "报修", "Báo hỏng", foreign.as_str())]),
            ("cn-sd/qingdao", &[("parking", "泊车", "Đỗ xe", "泊")]),
        ]);
        assert_eq!(city.finds("tingche", &["cn-sd/qingdao"]), Vec::<String>::new(), "{divides:?}");
        let typed = format!("a{divides}b c{divides}");
        assert_eq!(city.finds(&typed, &["cn-sd/qingdao"]), Vec::<String>::new(), "and it may be typed");
        // It is a letter like others for the publisher that has it.
        assert_eq!(city.finds(&foreign, &["cn-sd/jinan"]), ["cn-sd/jinan/report"]);
    }
}
