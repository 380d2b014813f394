-- title: Pictures whose difference hashes hardly differ: near copies in plain SQL, most of them
-- grain: pair of hashes
-- param bits: int = 3
--
-- A second way, for a reader who wants to see near copies without our code: all pairs of hashes that
-- differ in at most `bits` of their 64 bits. Complete up to 3 bits, and more counts as 3: of four
-- parts of 16 bits, three differing bits leave one as it is, so every such pair shares a part, and
-- four equi-joins find it. But a hash is not a distance: of the pairs of near-duplicates it misses
-- some, and it has many that are far apart, thin letters above all. For leaks take view `pair`.
--
-- Pictures of one hash are one: image_id and twin_id are one picture of either hash, the one of the
-- least id; pictures and twin_pictures say how many share it. With 0 bits they are two pictures of
-- one hash.
with picture as (
    select
        image.dhash,
        min(image.image_id) as image_id,
        arg_min(image.label, image.image_id) as label
    from image
    group by image.dhash, image.pixel_hash
),

hashed as (
    select
        picture.dhash,
        min(picture.image_id) as image_id,
        arg_min(picture.label, picture.image_id) as label,
        max(picture.image_id) as last_id,
        arg_max(picture.label, picture.image_id) as last_label,
        count(*) as pictures
    from picture
    group by picture.dhash
),

quarter as (
    select unnest([65535, 4294901760, 281470681743360, -281474976710656]) as mask
),

masked as (
    select
        hashed.dhash,
        quarter.mask,
        hashed.dhash & quarter.mask as part
    from hashed
    cross join quarter
),

candidate as (
    select distinct
        a.dhash as a_hash,
        b.dhash as b_hash
    from masked as a
    inner join masked as b
        on a.mask = b.mask
        and a.part = b.part
        and a.dhash < b.dhash
    where bit_count(xor(a.dhash, b.dhash)) <= least($bits, 3)
)

select
    a.image_id,
    a.label,
    b.image_id as twin_id,
    b.label as twin_label,
    cast(bit_count(xor(a.dhash, b.dhash)) as bigint) as bits,
    a.pictures,
    b.pictures as twin_pictures
from candidate
inner join hashed as a on a.dhash = candidate.a_hash
inner join hashed as b on b.dhash = candidate.b_hash
union all
select
    hashed.image_id,
    hashed.label,
    hashed.last_id as twin_id,
    hashed.last_label as twin_label,
    cast(0 as bigint) as bits,
    hashed.pictures,
    hashed.pictures as twin_pictures
from hashed
where hashed.pictures > 1 and $bits >= 0
order by bits, image_id, twin_id
