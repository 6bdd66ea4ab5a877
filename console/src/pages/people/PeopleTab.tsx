import { AppstoreOutlined, ReloadOutlined, ScanOutlined, UnorderedListOutlined, UserAddOutlined } from "@ant-design/icons";
import { Button, Flex, Input, Segmented, Select, Skeleton, Space, Spin, Typography } from "antd";
import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { countText } from "../../common/numbers";
import { useRemembered } from "../../common/remembered";
import { FailurePanel, Nothing } from "../../common/states";
import { AddPerson } from "./AddPerson";
import { BulkBar } from "./BulkBar";
import { FaceSearch } from "./FaceSearch";
import { HiddenText } from "./HiddenText";
import { FIELDS, type PeopleFilter, SORTS, useFilter, useListedPeople, usePeople, usePeopleCount } from "./list";
import { PeopleGrid } from "./PeopleGrid";
import { PeopleTable } from "./PeopleTable";
import { isBuiltin } from "./person";
import { TagSelect } from "./TagSelect";

const VIEWS = ["grid", "table"] as const;
const TYPING_MS = 350;

interface Properties {
  library: Schema<"ShownLibrary">;
  numbers: Schema<"LibraryStatistics"> | undefined;
  /** Opens the import, for a library with nobody in it. */
  onImport: () => void;
}

/** The people of a library: searched, filtered, selected, added. */
export function PeopleTab({ library, numbers, onImport }: Properties) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const [view, setView] = useRemembered("peopleView", VIEWS);
  const { filter, change, isFiltered } = useFilter();
  const list = usePeople(library.id, filter);
  const listed = useListedPeople(library.id);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [isAdding, setIsAdding] = useState(false);
  const [isSearching, setIsSearching] = useState(false);

  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  const counted = usePeopleCount(library.id, filter, isFiltered && hasNextPage);
  const all = isFiltered
    ? counted && (counted.isMore ? t("list.many", { people: countText(counted.people) }) : countText(counted.people))
    : numbers && countText(numbers.people);
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  const select = useCallback((id: string, isSelected: boolean) => {
    setSelected((before) => {
      const after = new Set(before);
      if (isSelected) after.add(id);
      else after.delete(id);
      return after;
    });
  }, []);
  const forget = (ids: ReadonlySet<string>) => setSelected((before) => new Set([...before].filter((id) => !ids.has(id))));

  const shown = { people: list.people, selected, onSelect: canWork ? select : undefined, onEnd: more };
  const isEmpty = list.isSuccess && list.people.length === 0 && !list.hasNextPage;
  return (
    <Flex vertical gap={12}>
      <Flex gap={8} wrap align="center">
        <TextFilter filter={filter} onChange={change} />
        <TagSelect
          library={library.id}
          value={filter.tags}
          onChange={(tags) => change({ tags })}
          placeholder={t("filter.tags")}
          aria-label={t("filter.tags")}
          style={{ minWidth: 140, flex: "0 1 170px" }}
        />
        <Select
          value={filter.sort}
          onChange={(sort) => change({ sort })}
          aria-label={t("filter.sort")}
          options={SORTS.map((sort) => ({ value: sort, label: t(`sort.${sort}`) }))}
          style={{ minWidth: 130 }}
        />
        {canWork && (
          <Button icon={<ScanOutlined />} onClick={() => setIsSearching(true)}>
            {t("faceSearch.open")}
          </Button>
        )}
        <Flex gap={8} style={{ marginInlineStart: "auto" }}>
          <Button icon={<ReloadOutlined />} aria-label={t("list.refresh")} onClick={() => void listed.reset()} />
          <Segmented
            value={view}
            onChange={setView}
            aria-label={t("view.label")}
            options={[
              { value: "grid", icon: <AppstoreOutlined />, title: t("view.grid"), label: <HiddenText text={t("view.grid")} /> },
              { value: "table", icon: <UnorderedListOutlined />, title: t("view.table"), label: <HiddenText text={t("view.table")} /> },
            ]}
          />
          {canWork && (
            <Button type="primary" icon={<UserAddOutlined />} onClick={() => setIsAdding(true)}>
              {t("add.open")}
            </Button>
          )}
        </Flex>
      </Flex>

      {list.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
      {list.error && <FailurePanel failure={list.error} onRetry={() => void (list.data ? list.fetchNextPage() : list.refetch())} />}
      {isEmpty && isFiltered && (
        <Nothing text={t("list.noMatch")}>
          <Button onClick={() => change({ text: "", tags: [] })}>{t("list.clearFilter")}</Button>
        </Nothing>
      )}
      {isEmpty && !isFiltered && (
        <Nothing text={t("list.empty")}>
          {canWork && (
            <Space>
              <Button type="primary" onClick={() => setIsAdding(true)}>
                {t("add.open")}
              </Button>
              <Button onClick={onImport}>{t("list.import")}</Button>
            </Space>
          )}
        </Nothing>
      )}
      {list.people.length > 0 && (
        <>
          <Typography.Text type="secondary" className="number" aria-live="polite">
            {hasNextPage
              ? t(all ? "list.loadedOf" : "list.loaded", { people: countText(list.people.length), all })
              : t(isFiltered || !all ? "list.found" : "list.total", { people: countText(list.people.length) })}
          </Typography.Text>
          {view === "grid" ? <PeopleGrid {...shown} /> : <PeopleTable {...shown} />}
          {isFetchingNextPage && <Spin style={{ alignSelf: "center", padding: 12 }} />}
        </>
      )}

      {canWork && (
        <BulkBar
          library={library}
          filter={filter}
          isFiltered={isFiltered}
          selected={selected}
          onSelect={setSelected}
          onGone={forget}
        />
      )}
      {isAdding && <AddPerson library={library} onClose={() => setIsAdding(false)} />}
      {isSearching && numbers && (
        <FaceSearch
          library={library}
          threshold={numbers.threshold}
          tags={isBuiltin(library) ? filter.tags : []}
          onClose={() => setIsSearching(false)}
        />
      )}
    </Flex>
  );
}

/** What is searched for, which takes effect when the typing pauses. */
function TextFilter({ filter, onChange }: { filter: PeopleFilter; onChange: (changes: Partial<PeopleFilter>) => void }) {
  const { t } = useTranslation("people");
  const [typed, setTyped] = useState(filter.text);
  useEffect(() => setTyped((before) => (before.trim() === filter.text ? before : filter.text)), [filter.text]);
  useEffect(() => {
    if (typed.trim() === filter.text) return;
    const timer = setTimeout(() => onChange({ text: typed.trim() }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, filter.text, onChange]);
  return (
    <Space.Compact style={{ flex: "1 1 260px", maxWidth: 420 }}>
      <Select
        value={filter.field}
        onChange={(field) => onChange({ field })}
        aria-label={t("filter.field")}
        popupMatchSelectWidth={false}
        options={FIELDS.map((field) => ({ value: field, label: t(`filter.by.${field}`) }))}
        style={{ width: 130 }}
      />
      <Input
        allowClear
        value={typed}
        onChange={({ target }) => setTyped(target.value)}
        placeholder={t(`filter.hint.${filter.field}`)}
        aria-label={t(`filter.hint.${filter.field}`)}
      />
    </Space.Compact>
  );
}
