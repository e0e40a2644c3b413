//! A registry of a size that no tester has at hand: made-up services with names such as cities give them, in as many
//! provinces, cities and departments as asked for. Their packages do not exist; everything else is real.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::names::Names;
use onecity_protocol::region::UnitId;
use onecity_protocol::trust::{CatalogueEntry, IconName, target_path};
use ring::digest::{SHA256, digest};

use crate::key::KeyRing;
use crate::repository::{Holders, Lifetimes, PublishError, Repository, RepositoryFiles};

/// What cities offer, and about what: Chinese, Vietnamese, English.
const SUBJECTS: [[&str; 3]; 40] = [
    ["停车", "đỗ xe", "parking"],
    ["公交", "xe buýt", "bus"],
    ["地铁", "tàu điện", "metro"],
    ["医院", "bệnh viện", "hospital"],
    ["社保", "bảo hiểm xã hội", "social insurance"],
    ["公积金", "quỹ nhà ở", "housing fund"],
    ["户口", "hộ khẩu", "residence"],
    ["驾照", "giấy phép lái xe", "driving licence"],
    ["水费", "tiền nước", "water bill"],
    ["电费", "tiền điện", "power bill"],
    ["燃气", "khí đốt", "gas"],
    ["垃圾", "rác thải", "waste"],
    ["路灯", "đèn đường", "street lamp"],
    ["图书馆", "thư viện", "library"],
    ["公园", "công viên", "park"],
    ["学校", "trường học", "school"],
    ["幼儿园", "nhà trẻ", "kindergarten"],
    ["养老", "dưỡng lão", "elder care"],
    ["婚姻", "hôn nhân", "marriage"],
    ["护照", "hộ chiếu", "passport"],
    ["税务", "thuế", "tax"],
    ["发票", "hóa đơn", "invoice"],
    ["营业执照", "giấy phép kinh doanh", "business licence"],
    ["招聘", "tuyển dụng", "jobs"],
    ["租房", "thuê nhà", "rent"],
    ["不动产", "bất động sản", "real estate"],
    ["体育馆", "nhà thi đấu", "sports hall"],
    ["博物馆", "bảo tàng", "museum"],
    ["核酸", "xét nghiệm", "test"],
    ["疫苗", "tiêm chủng", "vaccination"],
    ["急救", "cấp cứu", "first aid"],
    ["防汛", "phòng lụt", "flood"],
    ["天气", "thời tiết", "weather"],
    ["空气", "không khí", "air"],
    ["噪声", "tiếng ồn", "noise"],
    ["法律", "pháp luật", "law"],
    ["公证", "công chứng", "notary"],
    ["残疾", "khuyết tật", "disability"],
    ["儿童", "trẻ em", "child"],
    ["宠物", "thú cưng", "pet"],
];
const ACTS: [[&str; 3]; 25] = [
    ["查询", "Tra cứu", "look-up"],
    ["缴费", "Nộp phí", "payment"],
    ["预约", "Đặt lịch", "appointment"],
    ["申请", "Đăng ký", "application"],
    ["投诉", "Khiếu nại", "complaint"],
    ["办理", "Làm thủ tục", "service"],
    ["地图", "Bản đồ", "map"],
    ["指南", "Hướng dẫn", "guide"],
    ["补贴", "Trợ cấp", "subsidy"],
    ["证明", "Giấy chứng nhận", "certificate"],
    ["年检", "Kiểm định", "inspection"],
    ["登记", "Ghi danh", "registration"],
    ["提醒", "Nhắc nhở", "reminder"],
    ["咨询", "Tư vấn", "advice"],
    ["报修", "Báo hỏng", "repair"],
    ["评价", "Đánh giá", "rating"],
    ["变更", "Thay đổi", "change"],
    ["注销", "Hủy", "cancellation"],
    ["共享", "Chia sẻ", "sharing"],
    ["志愿", "Tình nguyện", "volunteering"],
    ["直播", "Trực tiếp", "live"],
    ["公告", "Thông báo", "notices"],
    ["排队", "Xếp hàng", "queue"],
    ["监督", "Giám sát", "oversight"],
    ["培训", "Đào tạo", "training"],
];
const CATEGORIES: [&str; 8] = ["transport", "health", "home", "family", "work", "leisure", "safety", "documents"];

/// How large.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Cities in the province.
    pub cities: usize,
    /// Services of the city itself.
    pub own: usize,
    /// Departments, and services of each.
    pub departments: (usize, usize),
    /// Districts, and services of each.
    pub districts: (usize, usize),
}

impl Size {
    /// A city of 1,000 services: 50 of its own, five departments with 100 each, five districts with 90 each.
    pub fn city_of_1000(cities: usize) -> Self {
        Self { cities, own: 50, departments: (5, 100), districts: (5, 90) }
    }
}

/// A made-up service's entry. `number` is unlike any other's in its registry.
pub fn entry(number: u64) -> CatalogueEntry {
    let at = |list: usize, salt: u64| {
        usize::try_from((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17).wrapping_add(salt) % list as u64)
            .unwrap_or_default()
    };
    let (subject, act) = (SUBJECTS[at(SUBJECTS.len(), number)], ACTS[at(ACTS.len(), number / 40)]);
    let names = Names::new()
        .with("zh", &format!("{}{}", subject[0], act[0]))
        .with("vi", &format!("{} {}", act[1], subject[1]))
        .with("en", &format!("{} {}", subject[2], act[2]));
    let mut entry = CatalogueEntry::titled(names, CATEGORIES[at(CATEGORIES.len(), 3)]);
    entry.version = format!("{}.{}.{}", number % 4 + 1, number % 13, number % 7);
    entry.icon = IconName::of("icon.svg", &number.to_be_bytes());
    entry
}

/// A province's registry, signed; answers it with its keys.
pub fn province(id: &str, size: Size, now: UnixTime) -> Result<(Repository<RepositoryFiles>, KeyRing), PublishError> {
    let wrong = |error: onecity_protocol::region::IdError| PublishError::Usage(error.to_string());
    let mut ring = KeyRing::default();
    let root = (0..5).map(|_| ring.generate()).collect::<Result<_, _>>()?;
    let (targets, snapshot, timestamp) = (ring.generate()?, ring.generate()?, ring.generate()?);
    let holders = Holders { root, root_threshold: 3, targets, snapshot, timestamp };
    let lifetimes = Lifetimes::default();
    let mut repository =
        Repository::create(id.parse().map_err(wrong)?, RepositoryFiles::new(), &holders, &ring, now, &lifetimes)?;
    let unit = |text: String| text.parse::<UnitId>().map_err(wrong);
    let mut units = vec![(unit(format!("{id}/~circle"))?, 20), (unit(id.to_owned())?, 50)];
    for city in 0..size.cities {
        let city = format!("{id}/city-{city}");
        units.push((unit(city.clone())?, size.own));
        for department in 0..size.departments.0 {
            units.push((unit(format!("{city}/~department-{department}"))?, size.departments.1));
        }
        for district in 0..size.districts.0 {
            units.push((unit(format!("{city}/district-{district}"))?, size.districts.1));
        }
    }
    let mut number = 0;
    for (unit, services) in &units {
        if unit.role() != "targets" {
            let key = ring.generate()?;
            repository.delegate(unit, &[key], 1)?;
        }
        for service in 0..*services {
            number += 1;
            let sha256 = digest(&SHA256, format!("{unit}/{service}").as_bytes());
            let path = target_path(unit, &format!("s{service}"), number % 50 + 1);
            let length = 20_000 + number * 7919 % 400_000;
            repository.list_card(
                unit,
                &path,
                sha256.as_ref().try_into().expect("32 bytes"),
                length,
                serde_json::to_value(entry(number))?,
            )?;
        }
    }
    repository.sign(&ring, now, &lifetimes)?;
    Ok((repository, ring))
}
