-- title: Pictures that a decision says are no copies, by the images that may stand for them
-- column image_id: image of one · no unit · 3205438726766297100
-- column other_id: image of the other; null: the first is no copy of any picture · no unit · 3205438726766297105
--
-- View not_duplicate by images, each pair in both directions: of each picture the first image of every
-- run that has it, of which one stands for it in view pair.
with apart as (
    select
        not_duplicate.a as pixel_hash,
        not_duplicate.b as other_hash
    from not_duplicate
    union all
    select
        not_duplicate.b as pixel_hash,
        not_duplicate.a as other_hash
    from not_duplicate
    where not_duplicate.b is not null
),

named as (
    select
        image.pixel_hash,
        arg_min(image.image_id, image.image_id % 4294967296) as image_id
    from stored_image as image
    inner join (
        select distinct apart.pixel_hash
        from apart
    ) as decided on decided.pixel_hash = image.pixel_hash
    group by image.pixel_hash, image.run_id
)

select
    one.image_id,
    other.image_id as other_id
from apart
inner join named as one on one.pixel_hash = apart.pixel_hash
left join named as other on other.pixel_hash = apart.other_hash
where other.image_id is not null or apart.other_hash is null
