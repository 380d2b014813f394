-- title: Classes whose mean or standard deviation differs between train and another split
-- grain: label, split, statistic
-- severity: should
-- tolerance: 0
-- param split_set: split_set = ingest
-- param alpha: float = 0.001
-- param effect: float = 0.2
-- param least: int = 30
-- total: select 2 * count(*) from (select split_image.label from split_image where split_image.split_set = $split_set and split_image.split = 'train' group by split_image.label having count(*) >= $least) as train inner join (select split_image.label from split_image where split_image.split_set = $split_set and split_image.split in ('valid', 'test') group by split_image.label, split_image.split having count(*) >= $least) as other on other.label = train.label
-- next: sql ink_by_label
-- why: Splits of other sources or other processing are other tasks: scores on them cannot be compared.
-- do: See in report `ink_by_label` whether the sources differ; draw all splits from the same sources, or say that they are not.
--
-- For each class of valid and of test, against train: Welch's z of the images' mean ink, and of the
-- mean square of their pixels about the class's mean in the split, whose average is the square of the
-- class's standard deviation there. A row is a difference that is more than sampling allows and worth
-- naming. More than sampling allows: p times the number of comparisons is below 0.001 (Bonferroni),
-- where p is at most sqrt(2 / pi) exp(-z z / 2) / z. Worth naming: Cohen's d is above 0.2, his "small"
-- (J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988). Classes with fewer than 30
-- images in one of the two splits are not compared, nor do differences below 0.000001 count.
with part as (
    select
        split_image.split,
        split_image.label,
        count(*) as images,
        avg(image.ink_mean) as mean,
        var_samp(image.ink_mean) as mean_variance,
        avg(image.ink_std * image.ink_std + image.ink_mean * image.ink_mean) as power,
        var_samp(image.ink_std * image.ink_std + image.ink_mean * image.ink_mean) as power_variance,
        covar_samp(
            image.ink_std * image.ink_std + image.ink_mean * image.ink_mean,
            image.ink_mean
        ) as covariance
    from split_image
    inner join image on image.image_id = split_image.image_id
    where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
    group by split_image.split, split_image.label
    having count(*) >= $least
),

drawn as (
    select
        part.split,
        part.label,
        'mean' as statistic,
        part.images,
        part.mean as value,
        part.mean as average,
        part.mean_variance as variance
    from part
    union all
    select
        part.split,
        part.label,
        'std' as statistic,
        part.images,
        sqrt(greatest(part.power - part.mean * part.mean, 0)) as value,
        part.power - part.mean * part.mean as average,
        part.power_variance + 4 * part.mean * part.mean * part.mean_variance
        - 4 * part.mean * part.covariance as variance
    from part
),

compared as (
    select
        other.label,
        other.split,
        other.statistic,
        other.images,
        other.value,
        train.value as train_value,
        other.average - train.average as difference,
        sqrt(greatest(other.variance / other.images + train.variance / train.images, 0)) as error,
        sqrt(greatest(other.variance + train.variance, 0) / 2) as deviation,
        count(*) over () as comparisons
    from drawn as other
    inner join drawn as train
        on train.label = other.label
        and train.statistic = other.statistic
        and train.split = 'train'
    where other.split <> 'train'
)

select
    compared.label,
    compared.split,
    compared.statistic,
    compared.images,
    round(compared.value, 9) as value,
    round(compared.train_value, 9) as train_value,
    round(compared.difference / nullif(compared.error, 0), 2) as z,
    round(compared.difference / nullif(compared.deviation, 0), 2) as effect
from compared
left join label on label.label = compared.label
where abs(compared.difference) > greatest($effect * compared.deviation, 0.000001)
    and coalesce(
        compared.comparisons
        * sqrt(2 / pi())
        * exp(-pow(least(abs(compared.difference) / nullif(compared.error, 0), 30), 2) / 2)
        * compared.error / abs(nullif(compared.difference, 0)) < $alpha,
        true
    )
order by label.label_id nulls last, compared.label, compared.split, compared.statistic
