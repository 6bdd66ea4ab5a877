"""Further writes of a client: LinkVisual's users and groups, Tencent IM's accounts and friends."""

from writer import DEVICES, MAX_ACCOUNTS, MAX_LIBRARIES, MAX_OTHERS, People

SNS, LOGIN = "sns/", "im_open_login_svc/"


class Writer(People):
    """Writes in every dialect."""

    # LinkVisual: users.

    def user_id(self, key: tuple) -> str | None:
        """Looks up LinkVisual's id of a person."""
        told = self.app.linkvisual("QueryFaceUserIdByCustomUserId", IsolationId=key[1], CustomUserId=key[2])
        if not told.is_done:
            return None
        self.ids.note("UserId", told.data["UserId"], (self.app.name, *key[1:]))
        return told.data["UserId"]

    def do_add_user(self):
        library = self.library()
        one = library and not self.is_full() and self.picture_for(library)
        if one:
            is_new = self.random.random() < 0.1 and len(self.keys("library")) < MAX_LIBRARIES
            library = self.fresh("b") if is_new else library
            user = self.fresh("lv")
            changes = {("library", library): (library, None)} if is_new else {}
            changes[("person", library, user)] = (f"n {user}", "p", (one.token,))
            url = self.album.served.url(one.name)
            given = {"CustomUserId": user, "FacePicUrl": url, "Name": f"n {user}", "Params": "p"}
            told = self.app.linkvisual("AddFaceUser", IsolationId=library, **given)
            self.write("AddFaceUser", changes, told, is_piecewise=is_new)

    def do_change_user(self):
        key = self.own_person()
        one = key and self.picture_for(key[1])
        if one and (user := self.user_id(key)):
            name, info, faces = self.ledger.state[key]
            place, url = {"IsolationId": key[1], "UserId": user}, self.album.served.url(one.name)
            if self.random.random() < 0.5 and len(faces) < 4:
                told = self.app.linkvisual("AddFaceUserPicture", **place, FacePicUrl=url)
                self.write("AddFaceUserPicture", {key: (name, info, tuple(sorted([*faces, one.token])))}, told)
            else:
                name, info = self.fresh("n "), self.fresh("p ")
                told = self.app.linkvisual("UpdateFaceUser", **place, FacePicUrl=url, Name=name, Params=info)
                self.write("UpdateFaceUser", {key: (name, info, (one.token,))}, told)

    def do_delete_user(self):
        key = self.own_person()
        if key and (user := self.user_id(key)):
            told = self.app.linkvisual("DeleteFaceUser", IsolationId=key[1], UserId=user)
            self.write("DeleteFaceUser", self.without_people(key), told)

    def bad_user(self):
        if key := self.own_person():
            url = self.album.served.url(self.album.shared[0].name)
            told = self.app.linkvisual("AddFaceUser", IsolationId=key[1], CustomUserId=key[2], FacePicUrl=url)
            self.write("AddFaceUser", {}, told, is_bad=True)

    # LinkVisual: user groups, device groups, and their links.

    def do_user_group(self):
        library = self.library()
        if library and len(self.keys("ugroup", library)) < MAX_OTHERS:
            name = self.fresh("g")
            told = self.app.linkvisual("AddFaceUserGroup", IsolationId=library, UserGroupName=name)
            if self.write("AddFaceUserGroup", {("ugroup", library, name): ()}, told):
                self.handles["ugroup", library, name] = told.data["UserGroupId"]

    def do_user_group_member(self):
        key, person = self.any("ugroup"), self.own_person()
        if key in self.handles and person and person[1] == key[1] and (user := self.user_id(person)):
            members = set(self.ledger.state[key])
            action = "RemoveFaceUserFromUserGroup" if person[2] in members else "AddFaceUserToUserGroup"
            place = {"IsolationId": key[1], "UserGroupId": self.handles[key], "UserId": user}
            told = self.app.linkvisual(action, **place)
            self.write(action, {key: tuple(sorted(members ^ {person[2]}))}, told)

    def do_delete_user_group(self):
        key = self.any("ugroup")
        if key in self.handles and self.random.random() < 0.3:
            people = [("person", key[1], member) for member in self.ledger.state[key]]
            changes = self.without_people(*people) | {key: None}
            changes |= {relation: None for relation in self.keys("relation", key[1], key[2])}
            place = {"IsolationId": key[1], "UserGroupId": self.handles[key]}
            # Users are removed one by one: an interrupted call must be repeated.
            self.write("DeleteFaceUserGroup", changes, self.app.linkvisual("DeleteFaceUserGroup", **place), is_piecewise=True)

    def do_device_group(self):
        library = self.library()
        found = library and self.keys("dgroup", library)
        if library and len(found) < MAX_OTHERS // 2:
            name = self.fresh("g")
            told = self.app.linkvisual("AddFaceDeviceGroup", IsolationId=library, DeviceGroupName=name)
            if self.write("AddFaceDeviceGroup", {("dgroup", library, name): True}, told):
                self.handles["dgroup", library, name] = told.data["DeviceGroupId"]
        elif found and (key := self.random.choice(found)) in self.handles and self.random.random() < 0.3:
            changes = {key: None} | {device: None for device in self.keys("device", key[1], key[2])}
            changes |= {relation: None for relation in self.keys("relation", key[1]) if relation[3] == key[2]}
            told = self.app.linkvisual("DeleteFaceDeviceGroup", IsolationId=key[1], DeviceGroupId=self.handles[key])
            self.write("DeleteFaceDeviceGroup", changes, told)

    def do_device(self):
        key = self.any("dgroup")
        if key in self.handles:
            device = ("device", key[1], key[2], self.random.choice(DEVICES))
            is_in = device in self.ledger.state
            action = "RemoveFaceDeviceFromDeviceGroup" if is_in else "AddFaceDeviceToDeviceGroup"
            place = {"IsolationId": key[1], "DeviceGroupId": self.handles[key]}
            told = self.app.linkvisual(action, **place, ProductKey="p", DeviceName=device[3], IotInstanceId="i")
            self.write(action, {device: None if is_in else True}, told)

    def do_relation(self):
        users = self.any("ugroup")
        devices = users and self.any("dgroup", users[1])
        if users in self.handles and devices in self.handles:
            key = ("relation", users[1], users[2], devices[2])
            if key not in self.ledger.state:
                ends = {"UserGroupId": self.handles[users], "DeviceGroupId": self.handles[devices]}
                action = "AddFaceUserGroupAndDeviceGroupRelation"
                told = self.app.linkvisual(action, IsolationId=key[1], Relation="SYNC_INFO_PICTURE", **ends)
                if self.write(action, {key: True}, told):
                    self.handles[key] = told.data["ControlId"]
            elif key in self.handles:
                action = "DeleteFaceUserGroupAndDeviceGroupRelation"
                told = self.app.linkvisual(action, IsolationId=key[1], ControlId=self.handles[key])
                self.write(action, {key: None}, told)

    # Tencent IM.

    def two_accounts(self) -> tuple[str, str] | None:
        users = [key[1] for key in self.keys("account")]
        return tuple(self.random.sample(users, 2)) if len(users) > 1 else None

    def in_group(self, user: str, group: str, *members: str) -> dict:
        """Changes caused by adding friends to a group, which is created if necessary."""
        there = self.ledger.state.get(("imgroup", user, group), ())
        return {("imgroup", user, group): tuple(sorted({*there, *members}))}

    def without_friends(self, user: str, *friends: str) -> dict:
        """Changes caused by the removal of friends."""
        changes = {key: None for key in self.keys("friend", user) if key[2] in friends}
        for group in self.keys("imgroup", user):
            members = self.ledger.state[group]
            if set(friends) & set(members):
                changes[group] = tuple(member for member in members if member not in friends)
        return changes

    def do_account(self):
        if len(self.keys("account")) < MAX_ACCOUNTS:
            names = [self.fresh("im") for _ in range(self.random.choice([1, 1, 3]))]
            changes = {("account", name): True for name in names}
            if len(names) == 1:
                self.write("account_import", changes, self.app.im(f"{LOGIN}account_import", UserID=names[0], Nick="n"))
            else:
                self.write("multiaccount_import", changes, self.app.im(f"{LOGIN}multiaccount_import", Accounts=names))

    def do_account_delete(self):
        if len(found := self.keys("account")) > MAX_ACCOUNTS - 2:
            user = self.random.choice(found)[1]
            changes = {("account", user): None}
            changes |= {key: None for kind in ("friend", "imgroup") for key in self.keys(kind, user)}
            for _, other in found:
                if other != user:
                    changes |= self.without_friends(other, user)
            self.write("account_delete", changes, self.app.im(f"{LOGIN}account_delete", DeleteItem=[{"UserID": user}]))

    def do_friend_add(self):
        if pair := self.two_accounts():
            user, friend = pair
            is_bad = ("friend", user, friend) in self.ledger.state
            remark, group = self.fresh("r"), self.random.choice(["near", "far"])
            changes = {}
            if not is_bad:
                changes = {("friend", user, friend): remark} | self.in_group(user, group, friend)
                changes[("friend", friend, user)] = self.ledger.state.get(("friend", friend, user), "")
            item = {"To_Account": friend, "AddSource": "AddSource_Type_Web", "Remark": remark, "GroupName": group}
            told = self.app.im(f"{SNS}friend_add", From_Account=user, AddFriendItem=[item], AddType="Add_Type_Both")
            self.write("friend_add", changes, told, is_bad=is_bad)

    def do_friend_import(self):
        users = [key[1] for key in self.keys("account")]
        if len(users) > 3:
            user, *friends = self.random.sample(users, 4)
            remark = self.fresh("r")
            # The friend's groups are replaced, not extended.
            changes = self.without_friends(user, *friends) | {("friend", user, friend): remark for friend in friends}
            members = set(self.ledger.state.get(("imgroup", user, "many"), ()))
            changes[("imgroup", user, "many")] = tuple(sorted(members | set(friends)))
            items = [{"To_Account": one, "AddSource": "AddSource_Type_Old", "Remark": remark, "GroupName": ["many"]} for one in friends]
            told = self.app.im(f"{SNS}friend_import", From_Account=user, AddFriendItem=items)
            self.write("friend_import", changes, told)

    def do_friend_update(self):
        if key := self.any("friend"):
            _, user, friend = key
            remark, group = self.fresh("r"), self.random.choice(["near", "far"])
            changes = self.without_friends(user, friend) | self.in_group(user, group, friend) | {key: remark}
            tags = [{"Tag": "Tag_SNS_IM_Remark", "Value": remark}, {"Tag": "Tag_SNS_IM_Group", "Value": [group]}]
            item = {"To_Account": friend, "SnsItem": tags}
            self.write("friend_update", changes, self.app.im(f"{SNS}friend_update", From_Account=user, UpdateItem=[item]))

    def do_friend_delete(self):
        if key := self.any("friend"):
            _, user, friend = key
            changes = self.without_friends(user, friend) | self.without_friends(friend, user)
            body = {"From_Account": user, "To_Account": [friend], "DeleteType": "Delete_Type_Both"}
            self.write("friend_delete", changes, self.app.im(f"{SNS}friend_delete", **body))

    def do_friend_delete_all(self):
        if (key := self.any("account")) and self.random.random() < 0.3:
            changes = {friend: None for friend in self.keys("friend", key[1])}
            changes |= {group: () for group in self.keys("imgroup", key[1])}
            body = {"From_Account": key[1], "DeleteType": "Delete_Type_Single"}
            self.write("friend_delete_all", changes, self.app.im(f"{SNS}friend_delete_all", **body))

    def do_friend_group(self):
        if key := self.any("account"):
            user = key[1]
            own = self.keys("imgroup", user)
            if len(own) < MAX_OTHERS:
                name, friends = self.fresh("g"), [friend[2] for friend in self.keys("friend", user)][:2]
                more = {"To_Account": friends} if friends else {}
                told = self.app.im(f"{SNS}group_add", From_Account=user, GroupName=[name], **more)
                self.write("group_add", self.in_group(user, name, *friends), told)
            else:
                group = self.random.choice(own)
                told = self.app.im(f"{SNS}group_delete", From_Account=user, GroupName=[group[2]])
                self.write("group_delete", {group: None}, told)

    def bad_friend(self):
        if key := self.any("account"):
            item = {"To_Account": "nobody", "AddSource": "AddSource_Type_Web"}
            told = self.app.im(f"{SNS}friend_add", From_Account=key[1], AddFriendItem=[item])
            self.write("friend_add", {}, told, is_bad=True)
