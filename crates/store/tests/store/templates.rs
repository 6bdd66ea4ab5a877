//! Templates, bit for bit.

use aicp_store::TemplateRow;

use crate::fixture::{Fixture, algorithm, bytes, face_with, new_face, new_person};

#[tokio::test]
async fn templates_come_back_bit_for_bit_for_the_asked_algorithm() {
    let f = Fixture::new().await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let odd = [0.0, -0.0, 0.1, f32::MIN_POSITIVE / 3.0, f32::MAX, f32::NEG_INFINITY, f32::from_bits(0x7fc0_1234)];
    let mut expected = Vec::new();
    for (library, version, vector) in
        [(&library, "1", &odd[..]), (&library, "2", &[9.0]), (&other, "1", &[]), (&library, "1", &[0.25; 512])]
    {
        let (person, face) =
            f.store.enrol(library.id, new_person(), face_with(vector, version), bytes("p")).await.expect("enrol");
        if version == "1" {
            let bits: Vec<u32> = vector.iter().map(|value| value.to_bits()).collect();
            expected.push((library.id, person.id, face.id, bits));
        }
    }
    f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("without template");

    let f = f.reopen().await;
    let mut found = Vec::new();
    let take = |row: TemplateRow| {
        let bits: Vec<u32> = row.vector.iter().map(|value| value.to_bits()).collect();
        found.push((row.library_id, row.person_row_id, row.face_id, bits));
    };
    assert_eq!(f.store.for_each_template(&algorithm("1"), take).await.expect("templates"), 3);
    assert_eq!(found, expected, "by ascending face id");
    assert_eq!(f.store.for_each_template(&algorithm("3"), |_| ()).await.expect("templates"), 0);
}
